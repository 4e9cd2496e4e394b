/* formulas.c - the catalogue's formulas as presentation MathML, and what they leave open, in words */
#include "server.h"

/* clang-format off */
#define MATH(x)         "<math xmlns=\"http://www.w3.org/1998/Math/MathML\" display=\"block\"><mrow>" x "</mrow></math>"
#define I(x)            "<mi>" x "</mi>"
#define NAME(x)         "<mi mathvariant=\"normal\">" x "</mi>"
#define O(x)            "<mo>" x "</mo>"
#define NUMBER(x)       "<mn>" x "</mn>"
#define ROW(x)          "<mrow>" x "</mrow>"
#define SUB(x, y)       "<msub>" x y "</msub>"
#define SUP(x, y)       "<msup>" x y "</msup>"
#define SUBSUP(x, y, z) "<msubsup>" x y z "</msubsup>"
#define OVER(x, y)      "<mfrac>" ROW(x) ROW(y) "</mfrac>"
#define ROOT(x)         "<msqrt>" x "</msqrt>"
#define SUM(x)          "<munder>" O("&#x2211;") ROW(x) "</munder>"
#define THEN            O(",") "<mspace width=\"1em\"/>"
/* clang-format on */

#define LAMBDA(term) SUB(I("&#x3BB;"), NAME(term))
#define MU I("&#x3BC;")
#define SIGMA I("&#x3C3;")
#define TWO NUMBER("2")
#define COUNT(name) SUB(I("N"), NAME(name))
#define BTN I("b") O(",") I("t") O(",") I("n")
#define AT_BTN(name) SUB(NAME(name), ROW(I("b") I("t") I("n")))
#define BATCH_TIME I("B") I("T")
#define IN_PARENTHESES(x) ROW(O("(") x O(")"))
#define DERIVATIVE(of) OVER(O("&#x2202;") I("L"), O("&#x2202;") of) O("=")

/* lambda/(counts) sum x^2, and its gradient 2 lambda/(counts) x */
#define WEIGHT(name) SUBSUP(I("w"), ROW(I("i") I("j")), NAME(name))
#define MEAN_SQUARE(term, counts, over, x) MATH(I("L") O("=") OVER(LAMBDA(term), counts) SUM(over) SUP(x, TWO))
#define MEAN_SQUARE_GRADIENT(term, counts, of, x) MATH(DERIVATIVE(of) OVER(TWO LAMBDA(term), counts) x)
#define WEIGHT_TERM(term, counts)                                                                                      \
  MEAN_SQUARE(term, counts, I("i") O(",") I("j"), IN_PARENTHESES(WEIGHT(term))),                                       \
      MEAN_SQUARE_GRADIENT(term, counts, WEIGHT(term), WEIGHT(term))

#define ERROR IN_PARENTHESES(AT_BTN("pred") O("&#x2212;") AT_BTN("target"))
#define MEAN_N SUB(I("m"), I("n"))
#define DEVIATION ROW(MEAN_N O("&#x2212;") MU)
#define DEFINITIONS                                                                                                    \
  THEN MEAN_N O("=") OVER(NUMBER("1"), BATCH_TIME) SUM(I("b") O(",") I("t")) AT_BTN("fr") THEN MU O("=")               \
      OVER(NUMBER("1"), COUNT("hid")) SUM(I("n")) MEAN_N THEN SIGMA O("=")                                             \
          ROOT(OVER(NUMBER("1"), COUNT("hid")) SUM(I("n")) SUP(IN_PARENTHESES(DEVIATION), TWO))

#define FR_SD I("L") O("=") LAMBDA("fr_sd") SIGMA
#define FR_CV I("L") O("=") LAMBDA("fr_cv") OVER(SIGMA, MU)
#define FR_SD_GRADIENT                                                                                                 \
  DERIVATIVE(AT_BTN("fr")) OVER(LAMBDA("fr_sd") IN_PARENTHESES(DEVIATION), SIGMA COUNT("hid") BATCH_TIME)
#define FR_CV_SLOPE O("[") OVER(DEVIATION, SIGMA MU) O("&#x2212;") OVER(SIGMA, SUP(MU, TWO)) O("]")
#define FR_CV_GRADIENT DERIVATIVE(AT_BTN("fr")) OVER(LAMBDA("fr_cv"), COUNT("hid") BATCH_TIME) ROW(FR_CV_SLOPE)

static const char *const of_mse[] = {
    "The gradient of target is the negative of that of pred; it is given only when asked for by wrt.",
    "For a 0/1 trial mask send mask*pred and mask*target: the denominator still counts all elements; for a mean over "
    "the unmasked ones multiply lambda by count/sum(mask).",
    NULL};
static const char *const of_in[] = {
    "w_in is taken either way round, [N_hid, N_in] or [N_in, N_hid]; the gradient comes back as sent.", NULL};
static const char *const of_hid[] = {"The denominator is the number of elements, N_hid^2.", NULL};
static const char *const of_out[] = {
    "w_out is taken either way round, [N_out, N_hid] or [N_hid, N_out]; the gradient comes back as sent.", NULL};
static const char *const of_fr[] = {"fr is taken after the activation.", NULL};
static const char *const of_fr_sd[] = {
    "sigma is the population standard deviation (n, not n - 1) of the neurons' mean rates m_n.",
    "At sigma = 0 the subgradient 0 is taken.", "The gradient is the same for every b and t.", "mu carries no lambda.",
    NULL};
static const char *const of_fr_cv[] = {
    "sigma is that of fr_sd: the population standard deviation of the neurons' mean rates m_n.",
    "At sigma = 0 the subgradient 0 is taken.",
    "At mu = 0 it is undefined: an error says so.",
    "A negative mu is allowed; a lower fr_cv then means a higher sigma, and the answer warns of it "
    "(negative-mean-rate).",
    "The gradient is the same for every b and t.",
    "mu carries no lambda.",
    NULL};

const struct formula formulas[RNNLOSS_TERMS] = {
    [RNNLOSS_MSE] = {MEAN_SQUARE("mse", BATCH_TIME COUNT("out"), BTN, ERROR),
                     MEAN_SQUARE_GRADIENT("mse", BATCH_TIME COUNT("out"), AT_BTN("pred"), ERROR), of_mse},
    [RNNLOSS_IN] = {WEIGHT_TERM("in", COUNT("in") COUNT("hid")), of_in},
    [RNNLOSS_HID] = {WEIGHT_TERM("hid", COUNT("hid") COUNT("hid")), of_hid},
    [RNNLOSS_OUT] = {WEIGHT_TERM("out", COUNT("out") COUNT("hid")), of_out},
    [RNNLOSS_FR] = {MEAN_SQUARE("fr", BATCH_TIME COUNT("hid"), BTN, AT_BTN("fr")),
                    MEAN_SQUARE_GRADIENT("fr", BATCH_TIME COUNT("hid"), AT_BTN("fr"), AT_BTN("fr")), of_fr},
    [RNNLOSS_FR_SD] = {MATH(FR_SD DEFINITIONS), MATH(FR_SD_GRADIENT), of_fr_sd},
    [RNNLOSS_FR_CV] = {MATH(FR_CV DEFINITIONS), MATH(FR_CV_GRADIENT), of_fr_cv},
};
