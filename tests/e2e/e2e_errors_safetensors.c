/* e2e_errors_safetensors.c - safetensors bodies that must be refused, by the rules of the format or of the request */
#include "errors.h"

#define MALFORMED(header, data) TENSORS(header, data, 400, "malformed-safetensors", "*", NULL)
#define TENSOR(name, dtype, shape, begin, end)                                                                         \
  "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":[" shape "],\"data_offsets\":[" #begin "," #end "]}"
#define FR TENSOR("fr", "F32", "1,2", 0, 8)
#define META(members) "{\"__metadata__\":{" members "}}"
/* A body of bytes as they are: NULs can't be in it, which is why the length of the header is at least 2^56 + .. */
#define RAW(text)                                                                                                      \
  { "raw: " text, NULL, NULL, SAFETENSORS, NULL, NULL, text, NO_DATA, 400, "malformed-safetensors", "", NULL }

static const struct error_row rows[] = {
    /* 400: the bytes are not the format */
    RAW(""),
    RAW("1234567"),
    RAW("12345678"),
    RAW("12345678{}"),
    MALFORMED("", 0),
    MALFORMED("{", 0),
    MALFORMED("x", 0),
    MALFORMED("[]", 0),
    MALFORMED("1", 0),
    MALFORMED("{}", 1),
    MALFORMED("{} {}", 0),
    MALFORMED("{\"fr\xff\":{}}", 0),
    MALFORMED("{\"fr\":1}", 0),
    MALFORMED("{\"fr\":{}}", 0),
    MALFORMED("{\"fr\":{\"dtype\":\"F32\",\"shape\":[1,2]}}", 8),
    MALFORMED("{\"fr\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8),
    MALFORMED("{\"fr\":{\"shape\":[1,2],\"data_offsets\":[0,8]}}", 8),
    MALFORMED("{\"fr\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0]}}", 8),
    MALFORMED("{\"fr\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8,8]}}", 8),
    MALFORMED("{\"fr\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8.5]}}", 8),
    MALFORMED("{\"fr\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[-8,0]}}", 8),
    MALFORMED("{\"fr\":{\"dtype\":\"F32\",\"shape\":[1,-2],\"data_offsets\":[0,8]}}", 8),
    MALFORMED("{\"fr\":{\"dtype\":\"F32\",\"shape\":\"2\",\"data_offsets\":[0,8]}}", 8),
    MALFORMED("{\"fr\":{\"dtype\":1,\"shape\":[2],\"data_offsets\":[0,8]}}", 8),
    MALFORMED("{" FR "}", 7),
    MALFORMED("{" FR "}", 9),
    MALFORMED("{" FR "}", 0),
    MALFORMED("{" TENSOR("fr", "F32", "1,2", 8, 0) "}", 8),
    MALFORMED("{" TENSOR("fr", "F32", "1,2", 4, 12) "}", 12),
    MALFORMED("{" TENSOR("fr", "F32", "1,2", 0, 12) "}", 12),
    MALFORMED("{" TENSOR("fr", "F32", "1,2", 0, 4) "}", 4),
    MALFORMED("{" TENSOR("pred", "F32", "2", 0, 8) "," TENSOR("target", "F32", "2", 4, 12) "}", 12),
    MALFORMED("{" TENSOR("pred", "F32", "2", 0, 8) "," TENSOR("target", "F32", "2", 12, 20) "}", 20),
    MALFORMED("{" TENSOR("pred", "F32", "2", 0, 8) "," TENSOR("target", "F32", "2", 0, 8) "}", 8),
    TENSORS("{" TENSOR("fr", "F32", "4294967296,4294967296", 0, 0) "}", 0, 422, "invalid-shape", "/tensors/fr*", NULL),
    MALFORMED("{\"__metadata__\":1," FR "}", 8),
    MALFORMED("{\"__metadata__\":{\"lambda_fr\":1}," FR "}", 8),
    MALFORMED("{\"__metadata__\":{\"lambda_fr\":null}," FR "}", 8),
    MALFORMED("{\"__metadata__\":{\"lambda_fr\":{}}," FR "}", 8),
    TENSORS("{" FR "," TENSOR("fr", "F32", "1,2", 8, 16) "}", 16, 400, "duplicate", "/tensors/fr", NULL),
    TENSORS("{\"__metadata__\":{\"lambda_fr\":\"1\",\"lambda_fr\":\"1\"}," FR "}", 8, 400, "duplicate",
            "/lambdas/lambda_fr", NULL),
    TENSORS("{\"__metadata__\":{},\"__metadata__\":{}}", 0, 400, NULL, NULL, NULL),

    /* 422: the format is right, the request is not */
    TENSORS("{" TENSOR("states", "F32", "1,2", 0, 8) "}", 8, 422, "unknown-tensor", "/tensors/states", "\"fr\""),
    TENSORS("{" TENSOR("fr", "I64", "1,2", 0, 16) "}", 16, 422, "unsupported-dtype", "/tensors/fr/dtype", "I64|F64"),
    TENSORS("{" TENSOR("fr", "BOOL", "1,2", 0, 2) "}", 2, 422, "unsupported-dtype", "/tensors/fr/dtype", "BOOL"),
    TENSORS("{" TENSOR("fr", "X99", "1,2", 0, 3) "}", 3, 422, "unsupported-dtype", "/tensors/fr/dtype", "X99"),
    TENSORS("{" TENSOR("fr", "F32", "", 0, 4) "}", 4, 422, "invalid-shape", "/tensors/fr*", NULL),
    TENSORS("{" TENSOR("fr", "F32", "0,2", 0, 0) "}", 0, 422, "invalid-shape", "/tensors/fr*", "[0, 2]"),
    TENSORS("{" TENSOR("fr", "F32", "1,1,1,1,1,1,1,1,1", 0, 4) "}", 4, 422, "invalid-shape", "/tensors/fr*", NULL),
    TENSORS("{" TENSOR("w_hid", "F32", "4", 0, 16) "}", 16, 422, "invalid-shape", "/tensors/w_hid*", "[4]"),
    TENSORS("{" TENSOR("fr", "F32", "1,101", 0, 404) "}", 404, 422, "invalid-shape", "/tensors/fr*", "101|100"),
    TENSORS("{" TENSOR("pred", "F32", "2", 0, 8) "," TENSOR("target", "F32", "2,1", 8, 16) "}", 16, 422,
            "shape-mismatch", "/tensors/*", "[2]|[2, 1]"),
    TENSORS("{" TENSOR("w_hid", "F32", "2,1", 0, 8) "}", 8, 422, "shape-mismatch", "/tensors/w_hid*", "[2, 1]"),
    TENSORS(META("\"lambda_mse\":\"1\""), 0, 422, "missing-tensor", "/tensors/pred", "lambda_mse"),
    TENSORS(META("\"lambda_mse\":\"one\""), 0, 422, "invalid-lambda", "/lambdas/lambda_mse", "one"),
    TENSORS(META("\"lambda_mse\":\"\""), 0, 422, "invalid-lambda", "/lambdas/lambda_mse", NULL),
    TENSORS(META("\"lambda_mse\":\" 1\""), 0, 422, "invalid-lambda", "/lambdas/lambda_mse", NULL),
    TENSORS(META("\"lambda_mse\":\"1.\""), 0, 422, "invalid-lambda", "/lambdas/lambda_mse", NULL),
    TENSORS(META("\"lambda_mse\":\"inf\""), 0, 422, "invalid-lambda", "/lambdas/lambda_mse", NULL),
    TENSORS(META("\"lambda_mse\":\"-1\""), 0, 422, "invalid-lambda", "/lambdas/lambda_mse", NULL),
    TENSORS(META("\"lambda_mes\":\"1\""), 0, 422, "unknown-lambda", "/lambdas/lambda_mes", "lambda_mse"),
    TENSORS(META("\"epoch\":\"1\""), 0, 422, "invalid-request", "/epoch", "epoch"),
    TENSORS(META("\"gradients\":\"all\""), 0, 422, "invalid-request", "/gradients", "per_term"),
    TENSORS(META("\"gradient_dtype\":\"F16\""), 0, 422, "invalid-request", "/gradient_dtype", NULL),
    TENSORS(META("\"nonfinite\":\"x\""), 0, 422, "invalid-request", "/nonfinite", NULL),
    TENSORS(META("\"contract\":\"2\""), 0, 422, "unknown-contract", "/contract", NULL),
    TENSORS(META("\"wrt\":\"fr\""), 0, 422, "invalid-request", "/wrt*", "fr"),
    TENSORS("{\"__metadata__\":{\"wrt\":\"fr,fr\"}," FR "}", 8, 422, "invalid-request", "/wrt*", "twice"),
    TENSORS("{\"__metadata__\":{\"wrt\":\"fr,\"}," FR "}", 8, 422, "invalid-request", "/wrt*", NULL),
    TENSORS("{\"__metadata__\":{\"wrt\":\"fr, fr\"}," FR "}", 8, 422, "invalid-request", "/wrt*", NULL),
    TENSORS("{\"__metadata__\":{\"lambda_fr_cv\":\"1\"}," FR "}", 8, 422, "undefined", NULL, "fr_cv"),
};

int main(void) {
  return errors_run("errors: safetensors", rows, sizeof rows / sizeof *rows);
}
