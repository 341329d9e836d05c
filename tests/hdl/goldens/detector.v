// A Mealy machine that finds 1101 in a serial stream, overlaps included.
module detector(input clk, input rst, input x, output hit);
  localparam S0 = 2'd0, S1 = 2'd1, S11 = 2'd2, S110 = 2'd3;
  reg [1:0] state, next;
  assign hit = (state == S110) & x;
  always @* begin
    next = S0;
    case (state)
      S0: next = x ? S1 : S0;
      S1: next = x ? S11 : S0;
      S11: next = x ? S11 : S110;
      S110: next = x ? S1 : S0;
    endcase
  end
  always @(posedge clk or posedge rst)
    if (rst) state <= S0;
    else state <= next;
endmodule
