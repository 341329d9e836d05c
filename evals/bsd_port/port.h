/* What Dhrystone and CoreMark need of a platform, on a machine that has 256 KiB and no devices.
   Stands for stdio.h, string.h, alloca.h, util.h and core_portme.h. */
#ifndef PORT_H
#define PORT_H

#define NULL ((void *)0)
typedef __SIZE_TYPE__ size_t;

int printf(const char *format, ...);
void *memcpy(void *to, const void *from, size_t count);
void *memset(void *to, int value, size_t count);
char *strcpy(char *to, const char *from);
int strcmp(const char *a, const char *b);
#define alloca __builtin_alloca

/* Dhrystone. There is no clock: time goes by when it is asked for. */
#define setStats(on)
#define read_csr(name) clock_ticks()
long clock_ticks(void);

/* CoreMark. */
#define HAS_FLOAT 0
#define HAS_STDIO 0
#define HAS_PRINTF 1
#define ee_printf printf
#define SEED_METHOD SEED_VOLATILE
#define MEM_METHOD MEM_STACK
#define MEM_LOCATION "STACK"
#define MULTITHREAD 1
#define MAIN_HAS_NOARGC 1
#define MAIN_HAS_NORETURN 0
#define COMPILER_VERSION "GCC " __VERSION__
#define COMPILER_FLAGS ""
#define default_num_contexts 1
#define align_mem(x) (void *)(4 + (((ee_ptr_int)(x)-1) & ~3))
typedef signed short ee_s16;
typedef unsigned short ee_u16;
typedef signed int ee_s32;
typedef float ee_f32;
typedef unsigned char ee_u8;
typedef unsigned int ee_u32;
typedef ee_u32 ee_ptr_int;
typedef size_t ee_size_t;
typedef ee_u32 CORE_TICKS;
typedef struct CORE_PORTABLE_S {
  ee_u8 portable_id;
} core_portable;
void portable_init(core_portable *p, int *argc, char *argv[]);
void portable_fini(core_portable *p);

#endif
