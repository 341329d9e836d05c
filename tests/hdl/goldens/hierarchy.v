// Two levels: a pipeline of parametrised stages over an inverted, renamed reset.
module stage #(parameter W = 4, parameter [W-1:0] INIT = 0)(input ck, input r_n, input [W-1:0] d, output reg [W-1:0] q);
  always @(posedge ck or negedge r_n)
    if (!r_n) q <= INIT;
    else q <= d + 1'b1;
endmodule

module hierarchy #(parameter W = 6)(input clock, input reset, input [W-1:0] in, output [W-1:0] out);
  wire [W-1:0] mid;
  wire quiet = ~reset;
  stage #(.W(W), .INIT(5)) first(.ck(clock), .r_n(quiet), .d(in), .q(mid));
  stage #(.W(W)) second(.ck(clock), .r_n(quiet), .d(mid), .q(out));
endmodule
