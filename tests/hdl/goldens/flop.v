// A flop with asynchronous active-low reset to a value, and enable.
module flop(input clk, input arst_n, input en, input [3:0] d, output reg [3:0] q);
  always @(posedge clk or negedge arst_n)
    if (!arst_n) q <= 4'd9;
    else if (en) q <= d;
endmodule
