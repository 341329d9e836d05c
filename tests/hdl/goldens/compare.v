// Signed and unsigned comparison of wide operands, with one magic value.
module compare(input [15:0] a, input [15:0] b, input is_signed, output lt, output eq, output magic);
  assign eq = a == b;
  assign lt = is_signed ? $signed(a) < $signed(b) : a < b;
  assign magic = {a, b} == 32'hC0DE1234;
endmodule
