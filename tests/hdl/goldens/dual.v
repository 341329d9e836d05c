// Two clocks: a toggle crosses from one domain to the other through two flops.
module dual(input clk_a, input clk_b, input rst, input send, output reg got);
  reg toggle, s1, s2, s3;
  always @(posedge clk_a or posedge rst)
    if (rst) toggle <= 1'b0;
    else if (send) toggle <= ~toggle;
  always @(posedge clk_b or posedge rst)
    if (rst) {s1, s2, s3, got} <= 4'd0;
    else begin
      s1 <= toggle;
      s2 <= s1;
      s3 <= s2;
      got <= s2 ^ s3;
    end
endmodule
