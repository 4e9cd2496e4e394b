/* The terms and tensors: one row each. A new term is a row here and a few lines of arithmetic in terms.c. */
#include "rnnloss.h"

#define NEEDS(tensor) (1U << (tensor))

static const rnnloss_term_info term_rows[RNNLOSS_TERMS] = {
    {"mse", "lambda_mse", "Mean squared error of the output",
     "\\frac{\\lambda_{mse}}{B T N_{out}} \\sum_{b,t,n} (\\mathrm{pred}_{btn} - \\mathrm{target}_{btn})^2",
     "\\frac{2 \\lambda_{mse}}{B T N_{out}} (\\mathrm{pred}_{btn} - \\mathrm{target}_{btn})",
     NEEDS(RNNLOSS_PRED) | NEEDS(RNNLOSS_TARGET)},
    {"in", "lambda_in", "Mean square of the input weights",
     "\\frac{\\lambda_{in}}{N_{in} N_{hid}} \\sum_{i,j} (w^{in}_{ij})^2",
     "\\frac{2 \\lambda_{in}}{N_{in} N_{hid}} w^{in}_{ij}", NEEDS(RNNLOSS_W_IN)},
    {"hid", "lambda_hid", "Mean square of the recurrent weights",
     "\\frac{\\lambda_{hid}}{N_{hid} N_{hid}} \\sum_{i,j} (w^{hid}_{ij})^2",
     "\\frac{2 \\lambda_{hid}}{N_{hid} N_{hid}} w^{hid}_{ij}", NEEDS(RNNLOSS_W_HID)},
    {"out", "lambda_out", "Mean square of the output weights",
     "\\frac{\\lambda_{out}}{N_{out} N_{hid}} \\sum_{i,j} (w^{out}_{ij})^2",
     "\\frac{2 \\lambda_{out}}{N_{out} N_{hid}} w^{out}_{ij}", NEEDS(RNNLOSS_W_OUT)},
    {"fr", "lambda_fr", "Mean square of the firing rate",
     "\\frac{\\lambda_{fr}}{B T N_{hid}} \\sum_{b,t,n} \\mathrm{fr}_{btn}^2",
     "\\frac{2 \\lambda_{fr}}{B T N_{hid}} \\mathrm{fr}_{btn}", NEEDS(RNNLOSS_RATE)},
    {"fr_sd", "lambda_fr_sd", "Standard deviation of the mean firing rates",
     "\\lambda_{fr\\_sd} \\, \\sigma, \\quad \\sigma = \\sqrt{\\frac{1}{N_{hid}} \\sum_n (m_n - \\mu)^2}, \\quad "
     "m_n = \\frac{1}{B T} \\sum_{b,t} \\mathrm{fr}_{btn}, \\quad \\mu = \\frac{1}{N_{hid}} \\sum_n m_n",
     "\\frac{\\lambda_{fr\\_sd} (m_n - \\mu)}{\\sigma N_{hid} B T}", NEEDS(RNNLOSS_RATE)},
    {"fr_cv", "lambda_fr_cv", "Coefficient of variation of the mean firing rates",
     "\\lambda_{fr\\_cv} \\, \\frac{\\sigma}{\\mu}",
     "\\frac{\\lambda_{fr\\_cv}}{N_{hid} B T} \\left[ \\frac{m_n - \\mu}{\\sigma \\mu} - \\frac{\\sigma}{\\mu^2} "
     "\\right]",
     NEEDS(RNNLOSS_RATE)},
};

static const rnnloss_tensor_info tensor_rows[RNNLOSS_TENSORS] = {
    {"pred", "[B, T, N_out]", "output of the network"},
    {"target", "[B, T, N_out]", "wanted output"},
    {"fr", "[B, T, N_hid]", "firing rates"},
    {"w_in", "[N_hid, N_in]", "input weights"},
    {"w_hid", "[N_hid, N_hid]", "recurrent weights"},
    {"w_out", "[N_out, N_hid]", "output weights"},
};

/* An enum may hold any int that a caller casts to it, so both ends are checked. */
static size_t row_of(int value, size_t rows) {
  return value < 0 || (size_t)value >= rows ? rows : (size_t)value;
}

const rnnloss_term_info *rnnloss_term_describe(rnnloss_term term) {
  size_t row = row_of((int)term, RNNLOSS_TERMS);
  return row < RNNLOSS_TERMS ? &term_rows[row] : NULL;
}

const rnnloss_tensor_info *rnnloss_tensor_describe(rnnloss_tensor tensor) {
  size_t row = row_of((int)tensor, RNNLOSS_TENSORS);
  return row < RNNLOSS_TENSORS ? &tensor_rows[row] : NULL;
}

const char *rnnloss_dtype_name(rnnloss_dtype dtype) {
  static const char *const names[RNNLOSS_DTYPES] = {"F16", "BF16", "F32", "F64"};
  size_t row = row_of((int)dtype, RNNLOSS_DTYPES);
  return row < RNNLOSS_DTYPES ? names[row] : NULL;
}

size_t rnnloss_dtype_size(rnnloss_dtype dtype) {
  static const size_t sizes[RNNLOSS_DTYPES] = {2, 2, 4, 8};
  size_t row = row_of((int)dtype, RNNLOSS_DTYPES);
  return row < RNNLOSS_DTYPES ? sizes[row] : 0;
}

const char *rnnloss_strerror(rnnloss_status status) {
  switch (status) {
  case RNNLOSS_OK:
    return "success";
  case RNNLOSS_MORE:
    return "not finished";
  case RNNLOSS_E_ARGUMENT:
    return "invalid argument";
  case RNNLOSS_E_LAMBDA:
    return "lambda is negative, infinite or NaN";
  case RNNLOSS_E_MISSING:
    return "a sum that an active term needs is missing, empty or incomplete";
  case RNNLOSS_E_LIMIT:
    return "too many elements or neurons";
  case RNNLOSS_E_UNDEFINED:
    return "fr_cv is undefined where the mean firing rate is 0";
  case RNNLOSS_E_OVERFLOW:
    return "value beyond the largest double";
  case RNNLOSS_E_INTERNAL:
    return "internal error in librnnloss";
  }
  return "unknown status";
}

const char *rnnloss_version(void) {
  return RNNLOSS_VERSION;
}
