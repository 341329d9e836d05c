// The environment that the tests of riscv-tests expect, for a machine without CSRs: a test ends
// by trapping, with 1 in a0 when it passed and twice the number of the failed case when not.
#define TESTNUM gp
#define RVTEST_RV32U
#define RVTEST_RV64U
#define RVTEST_CODE_BEGIN .section .text.start; .globl _start; _start: li gp, 0
#define RVTEST_CODE_END
#define RVTEST_PASS li a0, 1; ecall
#define RVTEST_FAIL slli a0, gp, 1; ecall
#define RVTEST_DATA_BEGIN
#define RVTEST_DATA_END
