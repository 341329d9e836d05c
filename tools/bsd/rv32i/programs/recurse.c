/* Fibonacci and Ackermann by recursion, division by repeated library calls. */
static int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

static int ackermann(int m, int n) {
  if (m == 0) return n + 1;
  return ackermann(m - 1, n == 0 ? 1 : ackermann(m, n - 1));
}

unsigned run(void) {
  volatile int x = -123457, y = 89;
  return (unsigned)(fib(13) << 16) ^ (unsigned)ackermann(2, 5) ^ (unsigned)(x / y) ^
         (unsigned)(x % y) << 8;
}
