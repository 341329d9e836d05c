// A round-robin arbiter for four requests.
module arbiter(input clk, input rst, input [3:0] req, output reg [3:0] grant);
  reg [1:0] last;
  integer i;
  reg found;
  reg [3:0] pick;
  reg [1:0] who, at;
  always @* begin
    pick = 4'd0;
    found = 1'b0;
    who = last;
    at = 2'd0;
    for (i = 1; i <= 4; i = i + 1) begin
      at = last + i;
      if (!found && req[at]) begin
        pick = 4'd1 << at;
        who = at;
        found = 1'b1;
      end
    end
  end
  always @(posedge clk)
    if (rst) begin
      grant <= 4'd0;
      last <= 2'd3;
    end else begin
      grant <= pick;
      last <= who;
    end
endmodule
