/* fixture.c - one daemon and one client for all tests of a program */
#include "fixture.h"
#include "raw.h"

struct daemon daemon_here;
struct client *client;
const char *fixture_log;
static const char *const *arguments_here;

static int set_up(void **state) {
  (void)state;
  if (fixture_log) scratch_catch(fixture_log);
  daemon_start(&daemon_here, arguments_here);
  scratch_catch(NULL);
  client = client_create(daemon_here.address[0], NULL);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  bool lives = daemon_lives(&daemon_here);
  client_release(client);
  int status = daemon_stop(&daemon_here);
  if (!lives) print_error("the daemon has died\n");
  if (status) print_error("the daemon's exit status is %d\n", status);
  return lives ? status : 1;
}

int fixture_run(const char *group, const struct CMUnitTest *tests, size_t count, const char *const *arguments) {
  arguments_here = arguments;
  return _cmocka_run_group_tests(group, tests, count, set_up, tear_down);
}
