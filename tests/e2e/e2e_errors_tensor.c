/* e2e_errors_tensor.c - tensor objects in JSON that must be refused: dtype, shape, data, base64 */
#include "errors.h"

/* fr as an object with these members. */
#define OBJECT(members, id, pointer, detail) JSON("{\"tensors\":{\"fr\":{" members "}}}", 422, id, pointer, detail)

static const struct error_row rows[] = {
    OBJECT("", NULL, "/tensors/fr*", NULL),
    OBJECT("\"shape\":[1],\"data\":[1]", NULL, "/tensors/fr*", "dtype"),
    OBJECT("\"dtype\":\"F32\",\"data\":[1]", NULL, "/tensors/fr*", "shape"),
    OBJECT("\"dtype\":\"F32\",\"shape\":[1]", "invalid-data", "/tensors/fr*", "data"),
    OBJECT("\"dtype\":\"F32\",\"shape\":[1],\"data\":[1],\"data_base64\":\"AAAAAA==\"", "invalid-data", "/tensors/fr*",
           "data_base64"),
    OBJECT("\"dtype\":\"F32\",\"shape\":[1],\"data\":[1],\"device\":\"cpu\"", "invalid-request", "/tensors/fr/device",
           "device"),

    OBJECT("\"dtype\":\"F8\",\"shape\":[1],\"data\":[1]", "unsupported-dtype", "/tensors/fr/dtype", "F8|F16"),
    OBJECT("\"dtype\":\"I64\",\"shape\":[1],\"data\":[1]", "unsupported-dtype", "/tensors/fr/dtype", "I64"),
    OBJECT("\"dtype\":\"float32\",\"shape\":[1],\"data\":[1]", "unsupported-dtype", "/tensors/fr/dtype", "F32"),
    OBJECT("\"dtype\":\"\",\"shape\":[1],\"data\":[1]", "unsupported-dtype", "/tensors/fr/dtype", NULL),
    OBJECT("\"dtype\":1,\"shape\":[1],\"data\":[1]", NULL, "/tensors/fr/dtype", NULL),
    OBJECT("\"dtype\":null,\"shape\":[1],\"data\":[1]", NULL, "/tensors/fr/dtype", NULL),

    OBJECT("\"dtype\":\"F32\",\"shape\":1,\"data\":[1]", NULL, "/tensors/fr/shape*", NULL),
    OBJECT("\"dtype\":\"F32\",\"shape\":[-1],\"data\":[1]", NULL, "/tensors/fr/shape*", NULL),
    OBJECT("\"dtype\":\"F32\",\"shape\":[1.5],\"data\":[1]", NULL, "/tensors/fr/shape*", NULL),
    OBJECT("\"dtype\":\"F32\",\"shape\":[\"1\"],\"data\":[1]", NULL, "/tensors/fr/shape*", NULL),
    OBJECT("\"dtype\":\"F32\",\"shape\":[[1]],\"data\":[1]", NULL, "/tensors/fr/shape*", NULL),
    OBJECT("\"dtype\":\"F32\",\"shape\":[99999999999999999999,1],\"data\":[1]", NULL, "/tensors/fr*", NULL),
    OBJECT("\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data\":[1]", NULL, "/tensors/fr*", NULL),
    OBJECT("\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data\":[1]", "invalid-shape", "/tensors/fr/shape*", NULL),
    OBJECT("\"dtype\":\"F32\",\"shape\":[1,101],\"data\":[1]", "invalid-shape", "/tensors/fr/shape*", "101|100"),

    OBJECT("\"dtype\":\"F32\",\"shape\":[2],\"data\":[1]", "invalid-data", "/tensors/fr/data*", "[2]"),
    OBJECT("\"dtype\":\"F32\",\"shape\":[2],\"data\":[1,2,3]", "invalid-data", "/tensors/fr/data*", "[2]"),
    OBJECT("\"data\":[1,2,3],\"shape\":[2],\"dtype\":\"F32\"", "invalid-data", "/tensors/fr/data*", "[2]"),
    OBJECT("\"dtype\":\"F32\",\"shape\":[2],\"data\":[]", "invalid-data", "/tensors/fr/data*", NULL),
    OBJECT("\"dtype\":\"F32\",\"shape\":[2,2],\"data\":[[1,2],[3]]", "invalid-data", "/tensors/fr/data*", NULL),
    OBJECT("\"dtype\":\"F32\",\"shape\":[1,4],\"data\":[[1,2],[3,4]]", "invalid-data", "/tensors/fr/data*", NULL),
    OBJECT("\"dtype\":\"F32\",\"shape\":[1],\"data\":1", NULL, "/tensors/fr/data*", NULL),
    OBJECT("\"dtype\":\"F32\",\"shape\":[1],\"data\":\"1\"", NULL, "/tensors/fr/data*", NULL),
    OBJECT("\"dtype\":\"F32\",\"shape\":[1],\"data\":{}", NULL, "/tensors/fr/data*", NULL),

    OBJECT("\"dtype\":\"F32\",\"shape\":[2],\"data_base64\":\"AAAAAA==\"", "invalid-data", "/tensors/fr/data_base64",
           "[2]"),
    OBJECT("\"dtype\":\"F32\",\"shape\":[1],\"data_base64\":\"AAAAAAAAAAA=\"", "invalid-data",
           "/tensors/fr/data_base64", "[1]"),
    OBJECT("\"dtype\":\"F32\",\"shape\":[1],\"data_base64\":\"\"", "invalid-data", "/tensors/fr/data_base64", NULL),
    OBJECT("\"dtype\":\"F32\",\"shape\":[1],\"data_base64\":\"AAAAAA\"", "invalid-data", "/tensors/fr/data_base64",
           "base64"),
    OBJECT("\"dtype\":\"F32\",\"shape\":[1],\"data_base64\":\"AAAAAA=\"", "invalid-data", "/tensors/fr/data_base64",
           "base64"),
    OBJECT("\"dtype\":\"F32\",\"shape\":[1],\"data_base64\":\"AAAAA-==\"", "invalid-data", "/tensors/fr/data_base64",
           "base64"),
    OBJECT("\"dtype\":\"F32\",\"shape\":[1],\"data_base64\":\"AAAA AA==\"", "invalid-data", "/tensors/fr/data_base64",
           "base64"),
    OBJECT("\"dtype\":\"F32\",\"shape\":[1],\"data_base64\":\"AAAA\\nAA==\"", "invalid-data", "/tensors/fr/data_base64",
           "base64"),
    OBJECT("\"dtype\":\"F32\",\"shape\":[1],\"data_base64\":\"AAAAAA==AAAA\"", "invalid-data",
           "/tensors/fr/data_base64", "base64"),
    OBJECT("\"dtype\":\"F32\",\"shape\":[1],\"data_base64\":\"AA=AAA==\"", "invalid-data", "/tensors/fr/data_base64",
           "base64"),
    OBJECT("\"dtype\":\"F32\",\"shape\":[1],\"data_base64\":1", NULL, "/tensors/fr/data_base64", NULL),
    OBJECT("\"dtype\":\"F32\",\"shape\":[1],\"data_base64\":[1]", NULL, "/tensors/fr/data_base64", NULL),
};

int main(void) {
  return errors_run("errors: tensor objects", rows, sizeof rows / sizeof *rows);
}
