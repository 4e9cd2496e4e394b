/* main.c - all tests of the library; tests/clients/run says what environment they need */
#include <locale.h>

#include "support.h"

int main(void) {
  setlocale(LC_ALL, ""); /* which must make no difference */
  int failed = 0;
  failed += test_numbers();
  failed += test_conformance();
  failed += test_calls();
  failed += test_faults();
  failed += test_security();
  failed += test_hostile();
  failed += test_threads();
  return failed ? 1 : 0;
}
