/* wire_subject.c - things measured in turn, so that what else the machine does hits all of them, and their medians */
#include "wire.h"

static bool connects(const struct subject *subject) {
  return subject->peer && subject->measure != measure_rate;
}

/* Connected, and once not counted: memory is there, caches are warm. */
static void prepare(struct subject *subject) {
  if (subject->peer && !subject->peer->there) subject->absent = true;
  if (subject->absent) return;
  if (connects(subject)) subject->connection = connection_open(subject->peer);
  subject->measure(subject);
}

static void finish(struct subject *subject, int rounds) {
  if (subject->absent) return;
  if (connects(subject)) connection_close(&subject->connection);
  subject->rounds = rounds;
  subject->median = median(subject->results, rounds);
}

void subjects_measure(const char *title, struct subject *subjects, size_t count, int rounds) {
  if (rounds > ROUNDS_MAX) rounds = ROUNDS_MAX;
  progress(title, 0, rounds);
  for (size_t i = 0; i < count; i++) prepare(&subjects[i]);
  for (int round = 0; round < rounds; round++) {
    for (size_t i = 0; i < count; i++) {
      if (subjects[i].absent) continue;
      subjects[i].results[round] = subjects[i].measure(&subjects[i]);
      subjects[i].costs[round] = subjects[i].cost;
    }
    progress(title, round + 1, rounds);
  }
  for (size_t i = 0; i < count; i++) finish(&subjects[i], rounds);
}

double subjects_ratio(const struct subject *over, const struct subject *beyond, const struct subject *under) {
  double ratios[ROUNDS_MAX];
  for (int i = 0; i < over->rounds; i++)
    ratios[i] = (over->results[i] - (beyond ? beyond->results[i] : 0)) / under->results[i];
  return median(ratios, over->rounds);
}

double subjects_cost_ratio(const struct subject *over, const struct subject *under) {
  double ratios[ROUNDS_MAX];
  for (int i = 0; i < over->rounds; i++) ratios[i] = over->costs[i] / under->costs[i];
  return median(ratios, over->rounds);
}
