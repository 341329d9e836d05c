// A signed adder that saturates.
module saturate(input signed [7:0] a, input signed [7:0] b, output reg signed [7:0] y, output sat);
  wire signed [8:0] sum = a + b;
  assign sat = sum > 9'sd127 || sum < -9'sd128;
  always @*
    if (sum > 9'sd127) y = 8'sd127;
    else if (sum < -9'sd128) y = -8'sd128;
    else y = sum[7:0];
endmodule
