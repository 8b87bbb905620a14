// A bare-metal guest that is entered by PVH (Xen docs/misc/pvh.pandoc, "x86/HVM direct boot ABI"):
// in 32-bit mode without paging, EBX pointing to a hvm_start_info. It checks what the ABI promises,
// says so at the boot-mark port, and ends the machine.
asm(R"(
  .section .note.pvh, "a", @note
  .long 4, 4, 18            # XEN_ELFNOTE_PHYS32_ENTRY
  .asciz "Xen"
  .long pvh_start

  .section .text.start, "ax"
  .globl _start
_start:                     # the 64-bit entry, which is not to be taken
  mov $0xee, %al
  jmp say
  .code32
pvh_start:
  mov $0xe1, %al
  cmpl $0x336ec578, (%ebx)  # XEN_HVM_START_MAGIC_VALUE
  jne say
  mov $0xe2, %al
  mov %cr0, %ecx
  test $0x80000000, %ecx    # no paging
  jnz say
  test $1, %ecx             # protected mode
  jz say
  mov $0xe3, %al
  mov 0x18(%ebx), %esi      # cmdline_paddr
  cmpl $0x20687670, (%esi)  # "pvh "
  jne say
  mov $0xe4, %al
  cmpl $0, 0x30(%ebx)       # memmap_entries
  je say
  mov $0x2a, %al
say:
  mov $0xed0, %dx           # the boot-mark port
  outb %al, %dx
  mov $0xfe, %al
  outb %al, $0x64           # i8042: reset
forever:
  hlt
  jmp forever
  .code64
)");
