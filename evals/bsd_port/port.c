/* A platform of memory only: what is printed stays at TEXT, ended by a zero. */
#include "port.h"

#define TEXT ((char *)0x38000)
#define MOST 0x1000

int main(void);

unsigned run(void) { return (unsigned)main(); }

static unsigned printed;

static void put(char c) {
  if (printed < MOST - 1) TEXT[printed++] = c;
}

static void number(unsigned long value, unsigned base, int width, char fill) {
  char digits[12];
  int count = 0;
  do {
    digits[count++] = "0123456789abcdef"[value % base];
    value /= base;
  } while (value);
  for (int k = count; k < width; k++) put(fill);
  while (count) put(digits[--count]);
}

static void print(const char *format, __builtin_va_list rest) {
  for (; *format; format++) {
    if (*format != '%') {
      put(*format);
      continue;
    }
    char fill = *++format == '0' ? '0' : ' ';
    int width = 0;
    for (; *format >= '0' && *format <= '9'; format++) width = 10 * width + *format - '0';
    if (*format == 'l') format++;
    if (*format == 's') {
      for (const char *s = __builtin_va_arg(rest, const char *); *s; s++) put(*s);
      continue;
    }
    long value = __builtin_va_arg(rest, long);
    if (*format == 'd' && value < 0) {
      put('-');
      value = -value;
    }
    if (*format == 'c') put((char)value);
    else number((unsigned long)value, *format == 'x' ? 16 : 10, width, fill);
  }
  TEXT[printed] = 0;
}

int printf(const char *format, ...) {
  __builtin_va_list rest;
  __builtin_va_start(rest, format);
  print(format, rest);
  __builtin_va_end(rest);
  return 0;
}

/* Dhrystone says its final values by a debug_printf of its own that is empty; the linker puts
   this in its place. */
void __wrap_debug_printf(const char *format, ...) {
  __builtin_va_list rest;
  __builtin_va_start(rest, format);
  print(format, rest);
  __builtin_va_end(rest);
}

void *memcpy(void *to, const void *from, size_t count) {
  for (size_t k = 0; k < count; k++) ((char *)to)[k] = ((const char *)from)[k];
  return to;
}

void *memset(void *to, int value, size_t count) {
  for (size_t k = 0; k < count; k++) ((char *)to)[k] = (char)value;
  return to;
}

char *strcpy(char *to, const char *from) {
  char *start = to;
  while ((*to++ = *from++));
  return start;
}

int strcmp(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return (unsigned char)*a - (unsigned char)*b;
}

long clock_ticks(void) {
  static long now;
  return now += 1000000;
}
