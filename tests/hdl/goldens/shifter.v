// A shift register with parallel load and arithmetic shift.
module shifter(input clk, input load, input arith, input sin, input [7:0] d, output reg [7:0] q, output parity);
  assign parity = ^q;
  initial q = 8'h00;
  always @(posedge clk)
    if (load) q <= d;
    else if (arith) q <= {q[7], q[7:1]};
    else q <= {q[6:0], sin};
endmodule
