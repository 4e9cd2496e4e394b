/* main.c - rnnloss-check: numbers, or a whole implementation, against the exact losses of a rnnlossd */
#include <signal.h>
#include <stdio.h>

#include "check.h"

int main(int argc, char **argv) {
  struct options options;
  signal(SIGPIPE, SIG_IGN); /* a COMMAND that does not read its input is no reason to end */
  options_read(argc, argv, &options);
  rnnloss_client *client = options_client(&options);
  int status = options.vectors ? check_vectors(client, &options) : check_file(client, &options);
  if (fflush(stdout) != 0 || ferror(stdout)) status = EXIT_ERROR;
  rnnloss_client_free(client);
  options_free(&options);
  return status;
}
