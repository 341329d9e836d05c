// RV32I execution unit, written by hand from the ISA manual. It shares nothing with the
// simulator the core is learned from, and is used only to check the learned core.
module rv32i_reference (
    input  [31:0] instr, pc, rs1, rs2, load,
    output [31:0] rd, npc, addr, wdata,
    output        we, re,
    output [3:0]  strb,
    output        trap
);
  wire [6:0] opcode = instr[6:0];
  wire [2:0] f3 = instr[14:12];
  wire       f7_zero = instr[31:25] == 7'b0000000;
  wire       f7_alt  = instr[31:25] == 7'b0100000;

  wire is_lui    = opcode == 7'b0110111;
  wire is_auipc  = opcode == 7'b0010111;
  wire is_jal    = opcode == 7'b1101111;
  wire is_jalr   = opcode == 7'b1100111 && f3 == 3'b000;
  wire is_branch = opcode == 7'b1100011 && f3[2:1] != 2'b01;
  wire is_load   = opcode == 7'b0000011 && f3 != 3'b011 && f3 != 3'b110 && f3 != 3'b111;
  wire is_store  = opcode == 7'b0100011 && !f3[2] && f3 != 3'b011;
  wire is_fence  = opcode == 7'b0001111 && f3 == 3'b000;
  wire is_imm    = opcode == 7'b0010011
                   && (f3 == 3'b001 ? f7_zero : f3 == 3'b101 ? f7_zero | f7_alt : 1'b1);
  wire is_op     = opcode == 7'b0110011
                   && (f7_zero | (f7_alt & (f3 == 3'b000 | f3 == 3'b101)));
  wire legal = is_lui | is_auipc | is_jal | is_jalr | is_branch | is_load | is_store
             | is_fence | is_imm | is_op;

  wire [31:0] imm_i = {{21{instr[31]}}, instr[30:20]};
  wire [31:0] imm_s = {{21{instr[31]}}, instr[30:25], instr[11:7]};
  wire [31:0] imm_b = {{20{instr[31]}}, instr[7], instr[30:25], instr[11:8], 1'b0};
  wire [31:0] imm_u = {instr[31:12], 12'b0};
  wire [31:0] imm_j = {{12{instr[31]}}, instr[19:12], instr[20], instr[30:21], 1'b0};

  // Arithmetic and logic.
  wire [31:0] operand = is_op ? rs2 : imm_i;
  wire        subtract = is_op & instr[30];
  wire [31:0] sum = rs1 + (operand ^ {32{subtract}}) + {31'b0, subtract};
  wire        less_s = $signed(rs1) < $signed(operand);
  wire        less_u = rs1 < operand;
  wire [31:0] right = $signed({instr[30] & rs1[31], rs1}) >>> operand[4:0];
  reg  [31:0] result;
  always @* case (f3)
    3'b000: result = sum;
    3'b001: result = rs1 << operand[4:0];
    3'b010: result = {31'b0, less_s};
    3'b011: result = {31'b0, less_u};
    3'b100: result = rs1 ^ operand;
    3'b101: result = right;
    3'b110: result = rs1 | operand;
    default: result = rs1 & operand;
  endcase

  // Memory.
  wire        uses_memory = is_load | is_store;
  wire [31:0] address = rs1 + (is_store ? imm_s : imm_i);
  wire        skewed = (f3[1:0] == 2'b01 & address[0]) | (f3[1:0] == 2'b10 & |address[1:0]);
  wire        reads = is_load & !skewed, writes = is_store & !skewed;
  wire [31:0] moved = load >> {address[1:0], 3'b000};
  wire [7:0]  byte_read = moved[7:0];
  wire [15:0] half_read = address[1] ? load[31:16] : load[15:0];
  wire [31:0] loaded = f3[1:0] == 2'b00 ? {{24{byte_read[7] & !f3[2]}}, byte_read}
                     : f3[1:0] == 2'b01 ? {{16{half_read[15] & !f3[2]}}, half_read} : load;
  reg  [3:0]  lanes;
  always @* case (f3[1:0])
    2'b00: lanes = 4'b0001 << address[1:0];
    2'b01: lanes = address[1] ? 4'b1100 : 4'b0011;
    default: lanes = 4'b1111;
  endcase
  wire [31:0] spread = f3[1:0] == 2'b00 ? {4{rs2[7:0]}} : f3[1:0] == 2'b01 ? {2{rs2[15:0]}} : rs2;

  // Control flow.
  wire eq = rs1 == rs2, lt = $signed(rs1) < $signed(rs2), ltu = rs1 < rs2;
  wire condition = (f3[2] ? (f3[1] ? ltu : lt) : eq) ^ f3[0];
  wire taken = is_jal | is_jalr | (is_branch & condition);
  wire [31:0] jalr_target = rs1 + imm_i;
  wire [31:0] target = is_jalr ? {jalr_target[31:1], 1'b0} : pc + (is_jal ? imm_j : imm_b);
  wire [31:0] next = pc + 32'd4;
  wire bad_target = taken & |target[1:0];

  assign trap  = !legal | (uses_memory & skewed) | bad_target;
  assign re    = reads;
  assign strb  = writes ? lanes : 4'b0;
  assign we    = !trap & (is_lui | is_auipc | is_jal | is_jalr | is_load | is_imm | is_op);
  assign rd    = !we ? 32'b0 : is_lui ? imm_u : is_auipc ? pc + imm_u
               : is_jal | is_jalr ? next : is_load ? loaded : result;
  assign npc   = !legal ? 32'b0 : taken ? target : next;
  assign addr  = uses_memory ? address : 32'b0;
  assign wdata = spread & {{8{strb[3]}}, {8{strb[2]}}, {8{strb[1]}}, {8{strb[0]}}};
endmodule
