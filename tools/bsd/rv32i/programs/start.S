# Reset: set the stack, clear nothing (the image holds .bss as zeros), call run, stop by trapping.
  .section .text.start
  .globl _start
_start:
  lui sp, 0x40
  call run
  ecall
