# The guest that `vmbuild` runs to see whether KVM works (src/machine/kvm-probe.ts holds it in hex).
# A 64 KiB BIOS image: reset vector, real mode, protected mode, long mode, exit.
#   as -o probe.o kvm-probe.S && ld -Ttext=0 --oformat binary -o probe.bin probe.o
.code16
.org 0
.globl _start
_start:
  cli
  lgdtl %cs:gdtr
  mov %cr0,%eax
  or $1,%al
  mov %eax,%cr0
  ljmpl $8,$(0xf0000+prot)
.code32
prot:
  mov $16,%ax
  mov %ax,%ds
  mov %ax,%es
  mov %ax,%ss
  # Page tables: PML4 at 0x1000, PDPT at 0x2000, one directory of 2 MiB pages at 0x3000.
  xor %eax,%eax
  mov $0x1000,%edi
  mov $0xc00,%ecx
  rep stosl
  movl $0x2003,0x1000
  movl $0x3003,0x2000
  movl $0x83,0x3000
  mov $0x1000,%eax
  mov %eax,%cr3
  mov %cr4,%eax
  or $0x20,%eax
  mov %eax,%cr4
  mov $0xc0000080,%ecx
  rdmsr
  or $0x100,%eax
  wrmsr
  mov %cr0,%eax
  or $0x80000000,%eax
  mov %eax,%cr0
  ljmpl $24,$(0xf0000+long)
.code64
long:
  # 512 KiB of writes, CPUID, then 0x10 to isa-debug-exit: QEMU ends with status 33.
  mov $0x100000,%rdi
  mov $0x10000,%ecx
1: mov %rcx,(%rdi)
  add $8,%rdi
  dec %ecx
  jnz 1b
  xor %eax,%eax
  cpuid
  mov $0x10,%eax
  mov $0xf4,%dx
  out %al,%dx
2: hlt
  jmp 2b
.align 8
gdt:
 .quad 0
 .quad 0x00cf9a000000ffff
 .quad 0x00cf92000000ffff
 .quad 0x00af9a000000ffff
gdtr:
 .word 31
 .long 0xf0000+gdt
.org 0xfff0
.code16
  ljmpw $0xf000,$_start
.org 0x10000
