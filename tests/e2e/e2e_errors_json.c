/* e2e_errors_json.c - JSON bodies that must be refused: what is wrong is named by type, pointer and detail */
#include "errors.h"

#define MSE "{\"lambdas\":{\"lambda_mse\":1},\"tensors\":"
#define FR "{\"lambdas\":{\"lambda_fr\":1},\"tensors\":{\"fr\":"
#define NEST "[[[[[[[[[[[[[[[["
#define TOO_DEEP NEST NEST NEST NEST "["
#define TEXT_64 "0000000000000000000000000000000000000000000000000000000000000000"
#define TEXT_512 TEXT_64 TEXT_64 TEXT_64 TEXT_64 TEXT_64 TEXT_64 TEXT_64 TEXT_64
#define TEXT_4096 TEXT_512 TEXT_512 TEXT_512 TEXT_512 TEXT_512 TEXT_512 TEXT_512 TEXT_512

static const struct error_row rows[] = {
    /* 400: the bytes are not JSON, or could be read in two ways */
    JSON("", 400, "malformed-json", "", NULL),
    JSON(" ", 400, "malformed-json", "", NULL),
    JSON("{", 400, "malformed-json", "", NULL),
    JSON("nul", 400, "malformed-json", "", NULL),
    JSON("{} x", 400, "malformed-json", "", NULL),
    JSON("{}{}", 400, "malformed-json", "", NULL),
    JSON("{\"lambdas\":{},}", 400, "malformed-json", "", NULL),
    JSON("{\"lambdas\" {}}", 400, "malformed-json", "", NULL),
    JSON("{'lambdas':{}}", 400, "malformed-json", "", NULL),
    JSON("{\"lambdas\":{\"lambda_mse\":01}}", 400, "malformed-json", "", NULL),
    JSON("{\"lambdas\":{\"lambda_mse\":1.}}", 400, "malformed-json", "", NULL),
    JSON("{\"lambdas\":{\"lambda_mse\":+1}}", 400, "malformed-json", "", NULL),
    JSON("{\"lambdas\":{\"lambda_mse\":NaN}}", 400, "malformed-json", "", NULL),
    JSON("{\"a\xff\":1}", 400, "malformed-json", "", NULL),
    JSON("{\"a\x01\":1}", 400, "malformed-json", "", NULL),
    JSON("{\"a\\x\":1}", 400, "malformed-json", "", NULL),
    JSON("\xef\xbb\xbf{}", 400, "malformed-json", "", NULL),
    JSON(TOO_DEEP, 400, "malformed-json", "", "64"),
    JSON("{\"lambdas\":{\"lambda_mse\":1." TEXT_4096 "}}", 400, "malformed-json", "", "4,096"),
    JSON("{\"lambdas\":{},\"lambdas\":{}}", 400, "duplicate", "/lambdas", "twice"),
    JSON("{\"lambdas\":{\"lambda_mse\":1,\"lambda_mse\":1}}", 400, "duplicate", "/lambdas/lambda_mse", NULL),
    JSON("{\"lambdas\":{\"lambda_mse\":1,\"lambda\\u005fmse\":1}}", 400, "duplicate", "/lambdas/lambda_mse", NULL),
    JSON("{\"tensors\":{\"fr\":[1],\"fr\":[1]}}", 400, "duplicate", "/tensors/fr", NULL),
    JSON("{\"tensors\":{\"fr\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data\":[1]}}}", 400, "duplicate",
         "/tensors/fr*", NULL),
    JSON("{\"gradients\":\"none\",\"gradients\":\"none\"}", 400, "duplicate", "/gradients", NULL),
    /* .. and a malformed text is malformed whatever it would have meant */
    JSON("{\"nonsense\":1", 400, "malformed-json", "", NULL),
    JSON("[1,", 400, "malformed-json", "", NULL),

    /* 422: a value that is no request */
    JSON("[]", 422, "invalid-request", "", "object"),
    JSON("1", 422, "invalid-request", "", "object"),
    JSON("null", 422, "invalid-request", "", "object"),
    JSON("\"x\"", 422, "invalid-request", "", "object"),
    JSON("{\"lambda\":{}}", 422, "invalid-request", "/lambda", "lambdas"),
    JSON("{\"a/b~c\":{}}", 422, "invalid-request", "/a~1b~0c", NULL),
    JSON("{\"lambdas\":[]}", 422, "invalid-request", "/lambdas", "object"),
    JSON("{\"lambdas\":1}", 422, "invalid-request", "/lambdas", "object"),
    JSON("{\"tensors\":[]}", 422, "invalid-request", "/tensors", "object"),
    JSON("{\"gradients\":\"all\"}", 422, "invalid-request", "/gradients", "per_term"),
    JSON("{\"gradients\":1}", 422, "invalid-request", "/gradients", NULL),
    JSON("{\"gradients\":[\"total\"]}", 422, "invalid-request", "/gradients*", NULL),
    JSON("{\"gradient_dtype\":\"F16\"}", 422, "invalid-request", "/gradient_dtype", "F16|F32"),
    JSON("{\"nonfinite\":\"ignore\"}", 422, "invalid-request", "/nonfinite", "propagate"),
    JSON("{\"contract\":2}", 422, "unknown-contract", "/contract", "1"),
    JSON("{\"contract\":\"1.5\"}", 422, NULL, "/contract", NULL),
    JSON("{\"wrt\":[\"fr\"]}", 422, "invalid-request", "/wrt*", "fr"),
    JSON("{\"wrt\":[\"loss\"]}", 422, "invalid-request", "/wrt*", "loss"),
    JSON("{\"wrt\":[1]}", 422, "invalid-request", "/wrt*", NULL),
    JSON("{\"wrt\":{}}", 422, "invalid-request", "/wrt", NULL),
    JSON(FR "[1]},\"wrt\":[\"fr\",\"fr\"]}", 422, "invalid-request", "/wrt*", "twice"),

    /* .. a weight */
    JSON("{\"lambdas\":{\"lambda_mes\":1}}", 422, "unknown-lambda", "/lambdas/lambda_mes", "lambda_mse"),
    JSON("{\"lambdas\":{\"mse\":1}}", 422, "unknown-lambda", "/lambdas/mse", "lambda_mse"),
    JSON("{\"lambdas\":{\"zzzzzzzz\":1}}", 422, "unknown-lambda", "/lambdas/zzzzzzzz", "lambda_mse|lambda_fr_cv"),
    JSON("{\"lambdas\":{\"lambda_fr\":-1}}", 422, "invalid-lambda", "/lambdas/lambda_fr", "-1"),
    JSON("{\"lambdas\":{\"lambda_fr\":-1e-320}}", 422, "invalid-lambda", "/lambdas/lambda_fr", NULL),
    JSON("{\"lambdas\":{\"lambda_fr\":1e999}}", 422, "invalid-lambda", "/lambdas/lambda_fr", "1e999"),
    JSON("{\"lambdas\":{\"lambda_fr\":\"1\"}}", 422, "invalid-lambda", "/lambdas/lambda_fr", "number"),
    JSON("{\"lambdas\":{\"lambda_fr\":\"NaN\"}}", 422, "invalid-lambda", "/lambdas/lambda_fr", NULL),
    JSON("{\"lambdas\":{\"lambda_fr\":null}}", 422, "invalid-lambda", "/lambdas/lambda_fr", "number"),
    JSON("{\"lambdas\":{\"lambda_fr\":true}}", 422, "invalid-lambda", "/lambdas/lambda_fr", "number"),
    JSON("{\"lambdas\":{\"lambda_fr\":[1]}}", 422, "invalid-lambda", "/lambdas/lambda_fr", "number"),
    JSON("{\"lambdas\":{\"lambda_fr\":{}}}", 422, "invalid-lambda", "/lambdas/lambda_fr", "number"),

    /* .. a tensor's name, or a tensor that is missing */
    JSON("{\"tensors\":{\"state\":[1]}}", 422, "unknown-tensor", "/tensors/state", "\"fr\""),
    JSON("{\"tensors\":{\"states\":[1]}}", 422, "unknown-tensor", "/tensors/states", "\"fr\""),
    JSON("{\"tensors\":{\"hidden\":[1]}}", 422, "unknown-tensor", "/tensors/hidden", "\"fr\""),
    JSON("{\"tensors\":{\"rates\":[1]}}", 422, "unknown-tensor", "/tensors/rates", "\"fr\""),
    JSON("{\"tensors\":{\"label\":[1]}}", 422, "unknown-tensor", "/tensors/label", "\"target\""),
    JSON("{\"tensors\":{\"labels\":[1]}}", 422, "unknown-tensor", "/tensors/labels", "\"target\""),
    JSON("{\"tensors\":{\"y\":[1]}}", 422, "unknown-tensor", "/tensors/y", "\"target\""),
    JSON("{\"tensors\":{\"w_rec\":[[1]]}}", 422, "unknown-tensor", "/tensors/w_rec", "\"w_hid\""),
    JSON("{\"tensors\":{\"w_readout\":[[1]]}}", 422, "unknown-tensor", "/tensors/w_readout", "\"w_out\""),
    JSON("{\"tensors\":{\"prad\":[1]}}", 422, "unknown-tensor", "/tensors/prad", "\"pred\""),
    JSON("{\"tensors\":{\"zzzzzzzz\":[1]}}", 422, "unknown-tensor", "/tensors/zzzzzzzz", "pred|w_out"),
    JSON("{\"lambdas\":{\"lambda_mse\":1}}", 422, "missing-tensor", "/tensors/pred", "lambda_mse"),
    JSON(MSE "{\"pred\":[1]}}", 422, "missing-tensor", "/tensors/target", "lambda_mse|target"),
    JSON("{\"lambdas\":{\"lambda_in\":1}}", 422, "missing-tensor", "/tensors/w_in", "lambda_in"),
    JSON("{\"lambdas\":{\"lambda_hid\":1}}", 422, "missing-tensor", "/tensors/w_hid", "lambda_hid"),
    JSON("{\"lambdas\":{\"lambda_out\":1}}", 422, "missing-tensor", "/tensors/w_out", "lambda_out"),
    JSON("{\"lambdas\":{\"lambda_fr\":1}}", 422, "missing-tensor", "/tensors/fr", "lambda_fr"),
    JSON("{\"lambdas\":{\"lambda_fr_sd\":1}}", 422, "missing-tensor", "/tensors/fr", "lambda_fr_sd"),
    JSON("{\"lambdas\":{\"lambda_fr_cv\":1}}", 422, "missing-tensor", "/tensors/fr", "lambda_fr_cv"),

    /* .. shapes that disagree */
    JSON(MSE "{\"pred\":[[1,2]],\"target\":[[1,2,3]]}}", 422, "shape-mismatch", "/tensors/*", "[1, 2]|[1, 3]"),
    JSON(MSE "{\"pred\":[[1,2]],\"target\":[1,2]}}", 422, "shape-mismatch", "/tensors/*", "[1, 2]|[2]"),
    JSON("{\"tensors\":{\"w_hid\":[[1,2]]}}", 422, "shape-mismatch", "/tensors/w_hid*", "[1, 2]"),
    JSON("{\"tensors\":{\"fr\":[1,2,3],\"w_hid\":[[1,2],[3,4]]}}", 422, "shape-mismatch", "/tensors/*", "[3]|[2, 2]"),
    JSON("{\"tensors\":{\"fr\":[1,2],\"w_in\":[[1,2,3]]}}", 422, "shape-mismatch", "/tensors/*", "[2]|[1, 3]"),
    JSON("{\"tensors\":{\"pred\":[1,2],\"w_out\":[[1,2,3]]}}", 422, "shape-mismatch", "/tensors/*", "[2]|[1, 3]"),
    JSON("{\"tensors\":{\"pred\":[1,2],\"fr\":[1,2],\"w_out\":[[1,2,3],[4,5,6]]}}", 422, "shape-mismatch", "/tensors/*",
         "[2, 3]"),

    /* .. a rank, an empty dimension */
    JSON("{\"tensors\":{\"fr\":1}}", 422, NULL, "/tensors/fr", NULL),
    JSON("{\"tensors\":{\"fr\":\"x\"}}", 422, NULL, "/tensors/fr", NULL),
    JSON("{\"tensors\":{\"fr\":null}}", 422, NULL, "/tensors/fr", NULL),
    JSON("{\"tensors\":{\"w_in\":[1,2]}}", 422, "invalid-shape", "/tensors/w_in*", "[2]"),
    JSON("{\"tensors\":{\"w_in\":[[[1,2]]]}}", 422, "invalid-shape", "/tensors/w_in*", "[1, 1, 2]"),
    JSON("{\"tensors\":{\"fr\":[[[[[[[[[1]]]]]]]]]}}", 422, "invalid-shape", "/tensors/fr*", NULL),
    JSON("{\"tensors\":{\"fr\":{\"dtype\":\"F32\",\"shape\":[],\"data\":[1]}}}", 422, "invalid-shape", "/tensors/fr*",
         NULL),
    JSON("{\"tensors\":{\"fr\":[]}}", 422, "invalid-shape", "/tensors/fr*", NULL),
    JSON("{\"tensors\":{\"fr\":[[],[]]}}", 422, "invalid-shape", "/tensors/fr*", NULL),
    JSON("{\"tensors\":{\"fr\":{\"dtype\":\"F32\",\"shape\":[0,3],\"data\":[]}}}", 422, "invalid-shape", "/tensors/fr*",
         "[0, 3]"),

    /* .. ragged arrays */
    JSON("{\"tensors\":{\"fr\":[[1,2],[3]]}}", 422, "invalid-data", "/tensors/fr*", NULL),
    JSON("{\"tensors\":{\"fr\":[[1,2],[3,4,5]]}}", 422, "invalid-data", "/tensors/fr*", NULL),
    JSON("{\"tensors\":{\"fr\":[[1],2]}}", 422, "invalid-data", "/tensors/fr*", NULL),
    JSON("{\"tensors\":{\"fr\":[1,[2]]}}", 422, "invalid-data", "/tensors/fr*", NULL),
    JSON("{\"tensors\":{\"fr\":[1,null]}}", 422, "invalid-data", "/tensors/fr*", NULL),
    JSON("{\"tensors\":{\"fr\":[1,true]}}", 422, "invalid-data", "/tensors/fr*", NULL),
    JSON("{\"tensors\":{\"fr\":[1,{}]}}", 422, "invalid-data", "/tensors/fr*", NULL),
    JSON("{\"tensors\":{\"fr\":[1,\"2\"]}}", 422, NULL, "/tensors/fr*", NULL),

    /* .. numbers beyond the dtype, or not finite */
    JSON("{\"tensors\":{\"fr\":[1e999]}}", 422, "invalid-data", "/tensors/fr*", "1e999"),
    JSON("{\"tensors\":{\"fr\":{\"dtype\":\"F32\",\"shape\":[1],\"data\":[3.402823567797337e38]}}}", 422,
         "invalid-data", "/tensors/fr*", "F32"),
    JSON("{\"tensors\":{\"fr\":{\"data\":[3.402823567797337e38],\"shape\":[1],\"dtype\":\"F32\"}}}", 422,
         "invalid-data", "/tensors/fr*", "F32"),
    JSON("{\"tensors\":{\"fr\":{\"dtype\":\"F16\",\"shape\":[1],\"data\":[65520]}}}", 422, "invalid-data",
         "/tensors/fr*", "F16"),
    JSON("{\"tensors\":{\"fr\":[1,\"NaN\"]}}", 422, NULL, "/tensors/fr*", NULL),
    JSON(FR "{\"dtype\":\"F16\",\"shape\":[2,1],\"data_base64\":\"AAAAfA==\"}}}", 422, "non-finite", "/tensors/fr*",
         "[1, 0]"),
    JSON("{\"tensors\":{\"fr\":{\"dtype\":\"F16\",\"shape\":[2],\"data_base64\":\"AAAAfg==\"}}}", 422, "non-finite",
         "/tensors/fr*", "[1]"),
    JSON("{\"nonfinite\":\"propagate\",\"tensors\":{\"fr\":[1,\"inf\"]}}", 422, NULL, "/tensors/fr*", NULL),

    /* .. values that do not exist, or are too large */
    JSON("{\"lambdas\":{\"lambda_fr_cv\":1},\"tensors\":{\"fr\":[-1,1]}}", 422, "undefined", NULL, "fr_cv"),
    JSON("{\"lambdas\":{\"lambda_fr_cv\":1},\"tensors\":{\"fr\":[0,0]}}", 422, "undefined", NULL, "fr_cv"),
    JSON(MSE "{\"pred\":[1e200],\"target\":[-1e200]}}", 422, "overflow", NULL, "mse"),
    JSON("{\"lambdas\":{\"lambda_fr\":1e-300},\"tensors\":{\"fr\":[1e200]}}", 422, "overflow", NULL, "fr"),
    JSON("{\"lambdas\":{\"lambda_fr\":1.7e308,\"lambda_in\":1.7e308},\"tensors\":{\"fr\":[1],\"w_in\":[[1]]},"
         "\"gradients\":\"none\"}",
         422, "overflow", NULL, NULL),
    JSON("{\"lambdas\":{\"lambda_mse\":1.7e308},\"tensors\":{\"pred\":[1],\"target\":[1]}}", 422, "overflow", NULL,
         "mse"),
};

int main(void) {
  return errors_run("errors: JSON", rows, sizeof rows / sizeof *rows);
}
