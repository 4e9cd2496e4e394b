/* main.c - the program: its options, then server.c */
#include <stdio.h>

#include "server.h"

extern char **environ;

static void say(void *context, const char *address) {
  (void)context;
  printf("listening on %s\n", address);
  fflush(stdout);
}

int main(int argc, char **argv) {
  struct config config;
  server_prepare();
  switch (config_read(&config, argc, argv, environ)) {
  case CONFIG_RUN:
    return server_run(&config, say, NULL);
  case CONFIG_CHECK:
    return check_run(&config);
  case CONFIG_EXIT:
    return 0;
  case CONFIG_WRONG:
    break;
  }
  return 2;
}
