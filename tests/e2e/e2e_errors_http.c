/* e2e_errors_http.c - what is refused by its route, headers, query or size (http_raw.py has the malformed HTTP) */
#include "errors.h"

#define POST(name, path, type, header, accept, body, status, id, detail)                                               \
  { name, NULL, path, type, header, accept, body, NO_DATA, status, id, "", detail }
#define SPACES_64 "                                                                "
#define SPACES_1K                                                                                                      \
  SPACES_64 SPACES_64 SPACES_64 SPACES_64 SPACES_64 SPACES_64 SPACES_64 SPACES_64 SPACES_64 SPACES_64 SPACES_64        \
      SPACES_64 SPACES_64 SPACES_64 SPACES_64 SPACES_64
#define SPACES_10K SPACES_1K SPACES_1K SPACES_1K SPACES_1K SPACES_1K SPACES_1K SPACES_1K SPACES_1K SPACES_1K SPACES_1K

static const struct error_row rows[] = {
    BARE("GET", "/nothing", 404, "not-found"),
    BARE("GET", "/loss/", 404, "not-found"),
    BARE("GET", "//loss", 404, "not-found"),
    BARE("GET", "/page/", 404, "not-found"),
    BARE("GET", "/page/nothing.js", 404, "not-found"),
    BARE("GET", "/page/..%2findex.html", 404, "not-found"),
    BARE("GET", "/LOSS", 404, "not-found"),
    POST("POST to nowhere", "/nothing", "application/json", NULL, NULL, "{}", 404, "not-found", NULL),
    POST("a NUL in the path", "/loss%00", "application/json", NULL, NULL, "{}", 400, "malformed-http", NULL),
    POST("a NUL in the query", "/loss?gradients=none%00", "application/json", NULL, NULL, "{}", 400, "malformed-http",
         NULL),

    BARE("GET", "/loss", 405, "method-not-allowed"),
    BARE("PUT", "/loss", 405, "method-not-allowed"),
    BARE("DELETE", "/loss", 405, "method-not-allowed"),
    BARE("PATCH", "/version", 405, "method-not-allowed"),
    BARE("TRACE", "/healthz", 405, "method-not-allowed"),
    POST("POST /terms", "/terms", "application/json", NULL, NULL, "{}", 405, "method-not-allowed", NULL),
    POST("POST to the page", "/", "application/json", NULL, NULL, "{}", 405, "method-not-allowed", NULL),
    POST("POST /metrics", "/metrics", "application/json", NULL, NULL, "{}", 405, "method-not-allowed", NULL),

    POST("Accept: image/png", NULL, "application/json", NULL, "image/png", "{}", 406, "not-acceptable",
         "application/json|safetensors"),
    POST("Accept with q=0", NULL, "application/json", NULL, "*/*;q=0", "{}", 406, "not-acceptable", NULL),
    POST("Accept: text/*", NULL, "application/json", NULL, "text/*", "{}", 406, "not-acceptable", NULL),
    POST("problems ignore Accept", NULL, "application/json", NULL, SAFETENSORS, "{", 400, "malformed-json", NULL),
    POST("Content-Type: text/plain", NULL, "text/plain", NULL, NULL, "{}", 415, "unsupported-media-type",
         "application/json|safetensors"),
    POST("Content-Type: application/jsonp", NULL, "application/jsonp", NULL, NULL, "{}", 415, "unsupported-media-type",
         NULL),
    POST("Content-Encoding: gzip", NULL, "application/json", "Content-Encoding: gzip", NULL, "{}", 415,
         "unsupported-media-type", "identity"),
    POST("no Content-Type, no JSON", NULL, NULL, NULL, NULL, "pred=1", 400, "malformed-json", NULL),
    POST("curl's own Content-Type, no JSON", NULL, "application/x-www-form-urlencoded", NULL, NULL, "pred=1", 400,
         "malformed-json", NULL),
    POST("too large", NULL, "application/json", NULL, NULL, SPACES_10K "{}", 413, "too-large", "10000"),

    QUERY("lambda_mse=1&lambda_mse=1", 400, "duplicate", "/lambdas/lambda_mse", NULL),
    QUERY("gradients=none&gradients=none", 400, "duplicate", "/gradients", NULL),
    QUERY("lambda%5Fmse=1&lambda_mse=1", 400, "duplicate", "/lambdas/lambda_mse", NULL),
    QUERY("lambda_mse=1", 422, "missing-tensor", "/tensors/pred", NULL),
    QUERY("lambda_mse", 422, "invalid-lambda", "/lambdas/lambda_mse", NULL),
    QUERY("lambda_mse=", 422, "invalid-lambda", "/lambdas/lambda_mse", NULL),
    QUERY("lambda_mse=x", 422, "invalid-lambda", "/lambdas/lambda_mse", "x"),
    QUERY("lambda_mse=-1", 422, "invalid-lambda", "/lambdas/lambda_mse", NULL),
    QUERY("lambda_mse=+1", 422, "invalid-lambda", "/lambdas/lambda_mse", "+1"),
    QUERY("lambda_mse=1e999", 422, "invalid-lambda", "/lambdas/lambda_mse", NULL),
    QUERY("lambda_mes=1", 422, "unknown-lambda", "/lambdas/lambda_mes", "lambda_mse"),
    QUERY("epoch=1", 422, "invalid-request", "/epoch", "epoch"),
    QUERY("a%2Fb=1", 422, "invalid-request", "/a~1b", NULL),
    QUERY("gradients=all", 422, "invalid-request", "/gradients", "per_term"),
    QUERY("gradient_dtype=F16", 422, "invalid-request", "/gradient_dtype", NULL),
    QUERY("nonfinite=x", 422, "invalid-request", "/nonfinite", NULL),
    QUERY("contract=2", 422, "unknown-contract", "/contract", NULL),
    QUERY("wrt=fr", 422, "invalid-request", "/wrt*", "fr"),
    QUERY("wrt=loss", 422, "invalid-request", "/wrt*", "loss"),
    {"query and body", NULL, "/loss?lambda_mse=0", "application/json", NULL, NULL, "{\"lambdas\":{\"lambda_mse\":0}}",
     NO_DATA, 422, "invalid-request", "/lambdas/lambda_mse", "query"},
    {"query and metadata", NULL, "/loss?gradients=none", SAFETENSORS, NULL, NULL,
     "{\"__metadata__\":{\"gradients\":\"none\"}}", 0, 422, "invalid-request", "/gradients", "query"},
};

int main(void) {
  return errors_run("errors: HTTP and query", rows, sizeof rows / sizeof *rows);
}
