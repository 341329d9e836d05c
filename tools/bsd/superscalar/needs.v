// Which operands an RV32I instruction needs, written by hand; only to check the learned module.
module rv32i_needs_reference (
    input  [31:0] instr,
    output        first, second
);
  wire [6:0] opcode = instr[6:0];
  wire [2:0] f3 = instr[14:12];
  wire [11:0] imm = instr[31:20];
  wire f7_zero = instr[31:25] == 7'b0000000, f7_alt = instr[31:25] == 7'b0100000;

  // A branch to the next instruction goes there either way.
  wire to_next = {instr[31], instr[7], instr[30:25], instr[11:8]} == 12'd2;
  wire is_branch = opcode == 7'b1100011 && f3[2:1] != 2'b01 && !to_next;
  wire is_jalr   = opcode == 7'b1100111 && f3 == 3'b000;
  wire is_load   = opcode == 7'b0000011 && f3 != 3'b011 && f3 != 3'b110 && f3 != 3'b111;
  wire is_store  = opcode == 7'b0100011 && !f3[2] && f3 != 3'b011;
  wire is_op     = opcode == 7'b0110011
                   && (f7_zero | (f7_alt & (f3 == 3'b000 | f3 == 3'b101)));
  // x & 0, x | -1 and x < 0 (unsigned) are what they are, whatever x is.
  wire constant = (f3 == 3'b111 && imm == 12'h000) | (f3 == 3'b110 && imm == 12'hfff)
                | (f3 == 3'b011 && imm == 12'h000);
  wire is_imm   = opcode == 7'b0010011 && !constant
                  && (f3 == 3'b001 ? f7_zero : f3 == 3'b101 ? f7_zero | f7_alt : 1'b1);

  assign first  = is_branch | is_jalr | is_load | is_store | is_op | is_imm;
  assign second = is_branch | is_store | is_op;
endmodule
