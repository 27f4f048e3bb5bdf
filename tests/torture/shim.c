/* Counts the operations on files below one folder, and lets the N-th fail: once, or all from there on; sets the clock.
   Preloaded. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static char under[PATH_MAX];
static long at, done;
static int code, lasting;
static __thread int busy;

void torture_arm(const char *folder, long number, int error, int last)
{
    snprintf(under, sizeof under, "%s", folder);
    at = number, code = error, lasting = last, done = 0;
}

long torture_count(void) { return done; }

__attribute__((constructor)) static void begin(void)
{
    const char *folder = getenv("TORTURE_UNDER");
    if (folder)
        torture_arm(folder, atol(getenv("TORTURE_AT")), atoi(getenv("TORTURE_ERRNO")), atoi(getenv("TORTURE_LASTING")));
}

__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("TORTURE_COUNT");
    FILE *file = path && *under ? fopen(path, "w") : NULL;
    if (file) {
        fprintf(file, "%ld", done);
        fclose(file);
    }
}

static int below(const char *path) { return *under && !strncmp(path, under, strlen(under)); }

static int named(int file)
{
    char link[64], path[PATH_MAX];
    if (!*under || busy)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    busy = 1;
    ssize_t length = readlink(link, path, sizeof path - 1);
    busy = 0;
    if (length < 0)
        return 0;
    path[length] = 0;
    return below(path);
}

static int fails(int counted)
{
    if (!counted)
        return 0;
    long number = __atomic_add_fetch(&done, 1, __ATOMIC_SEQ_CST);
    if (at > 0 && (number == at || (lasting && number > at))) {
        errno = code;
        return 1;
    }
    return 0;
}

#define REAL(type, name, ...) ((type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name))

ssize_t write(int file, const void *data, size_t size)
{
    return fails(named(file)) ? -1 : REAL(ssize_t, "write", int, const void *, size_t)(file, data, size);
}
ssize_t pwrite64(int file, const void *data, size_t size, off64_t from)
{
    if (fails(named(file)))
        return -1;
    return REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t)(file, data, size, from);
}
ssize_t pwrite(int file, const void *data, size_t size, off_t from) { return pwrite64(file, data, size, from); }
ssize_t read(int file, void *data, size_t size)
{
    return fails(code != ENOSPC && named(file)) ? -1 : REAL(ssize_t, "read", int, void *, size_t)(file, data, size);
}
int fsync(int file) { return fails(named(file)) ? -1 : REAL(int, "fsync", int)(file); }
int ftruncate64(int file, off64_t size)
{
    return fails(named(file)) ? -1 : REAL(int, "ftruncate64", int, off64_t)(file, size);
}
int ftruncate(int file, off_t size) { return ftruncate64(file, size); }
int rename(const char *from, const char *to)
{
    return fails(below(from)) ? -1 : REAL(int, "rename", const char *, const char *)(from, to);
}
int mkdir(const char *path, mode_t mode)
{
    return fails(below(path)) ? -1 : REAL(int, "mkdir", const char *, mode_t)(path, mode);
}

/* The clock: shifted, or standing where it was when it was set; the monotonic one runs on unless it is to stand too. */
static long shift;
static int stands, both;
static struct timespec stood[2]; /* the real one, the monotonic one */

typedef int (*clock_get)(clockid_t, struct timespec *);

static int now(clockid_t id, struct timespec *time)
{
    static clock_get real;
    if (!real)
        real = (clock_get)dlsym(RTLD_NEXT, "clock_gettime");
    return real(id, time);
}

void torture_clock(long seconds, int stop, int monotonic)
{
    now(CLOCK_REALTIME, &stood[0]), now(CLOCK_MONOTONIC, &stood[1]);
    stood[0].tv_sec += seconds;
    shift = seconds, stands = stop, both = monotonic;
}

int clock_gettime(clockid_t id, struct timespec *time)
{
    int real = id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE;
    int forward = id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_COARSE || id == CLOCK_MONOTONIC_RAW;
    if (stands && (real || (forward && both))) {
        *time = stood[!real];
        return 0;
    }
    int failed = now(id, time);
    if (real && !failed)
        time->tv_sec += shift;
    return failed;
}
int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
    struct timespec exact;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &exact);
    time->tv_sec = exact.tv_sec, time->tv_usec = exact.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *where)
{
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (where)
        *where = exact.tv_sec;
    return exact.tv_sec;
}
