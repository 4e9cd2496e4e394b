/* file.c - reads the small files that say who may call; what they held doesn't stay in freed memory */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server.h"

static bool wrong(char *error, size_t size, const char *path, const char *why) {
  snprintf(error, size, "%.200s: %s", path, why);
  return false;
}

/* Into file->bytes, which has room for length bytes and a NUL. */
static bool read_all(int fd, struct file *file, size_t length) {
  while (file->length < length) {
    ssize_t got = read(fd, file->bytes + file->length, length - file->length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    if (got == 0) break; /* it has become shorter meanwhile */
    file->length += (size_t)got;
  }
  file->bytes[file->length] = '\0';
  return true;
}

static bool read_opened(int fd, struct file *file, const char *path, size_t limit, char *error, size_t size) {
  struct stat status;
  if (fstat(fd, &status) != 0) return wrong(error, size, path, strerror(errno));
  if (!S_ISREG(status.st_mode)) return wrong(error, size, path, "is not a regular file");
  if (status.st_size < 0 || (uint64_t)status.st_size > limit) {
    snprintf(error, size, "%.200s: is larger than %zu bytes", path, limit);
    return false;
  }
  file->open_to_all = status.st_mode & S_IROTH;
  file->bytes = memory_allocate((size_t)status.st_size + 1);
  if (!file->bytes) return wrong(error, size, path, "no memory to read it");
  if (read_all(fd, file, (size_t)status.st_size)) return true;
  wrong(error, size, path, strerror(errno));
  file_release(file);
  return false;
}

bool file_read(struct file *file, const char *path, size_t limit, char *error, size_t size) {
  *file = (struct file){0};
  /* Not to hang on a pipe that nobody writes to, only to find that it is one. */
  int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return wrong(error, size, path, strerror(errno));
  bool done = read_opened(fd, file, path, limit, error, size);
  close(fd);
  return done;
}

void file_release(struct file *file) {
  if (file->bytes) explicit_bzero(file->bytes, file->length);
  memory_release(file->bytes);
  *file = (struct file){0};
}
