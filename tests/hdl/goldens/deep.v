// A timer that ticks once every 1000 enabled cycles.
module deep(input clk, input rst, input en, output reg tick);
  reg [9:0] count;
  always @(posedge clk)
    if (rst) begin
      count <= 10'd0;
      tick <= 1'b0;
    end else if (en) begin
      tick <= count == 10'd999;
      count <= (count == 10'd999) ? 10'd0 : count + 10'd1;
    end
endmodule
