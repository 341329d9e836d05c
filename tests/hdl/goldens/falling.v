// Registers on the falling edge: an accumulator with synchronous clear.
module falling(input clk, input clear, input [5:0] d, output reg [7:0] total);
  always @(negedge clk)
    if (clear) total <= 8'd0;
    else total <= total + {2'b00, d};
endmodule
