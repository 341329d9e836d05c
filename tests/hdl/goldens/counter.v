// An up/down counter with synchronous reset, load and a modulus.
module counter(input clk, input rst, input en, input up, input load, input [3:0] d, output reg [3:0] q, output wrap);
  assign wrap = en & (up ? q == 4'd11 : q == 4'd0);
  always @(posedge clk)
    if (rst) q <= 4'd0;
    else if (load) q <= d;
    else if (en) begin
      if (up) q <= (q == 4'd11) ? 4'd0 : q + 4'd1;
      else q <= (q == 4'd0) ? 4'd11 : q - 4'd1;
    end
endmodule
