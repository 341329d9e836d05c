// A restoring divider: start, eight cycles, done for one.
module divider(input clk, input rst, input start, input [7:0] a, input [7:0] b, output reg [7:0] quo, output reg [7:0] rem, output reg done);
  reg [3:0] left;
  reg [7:0] div;
  wire [8:0] shifted = {rem, quo[7]};
  wire [8:0] less = shifted - {1'b0, div};
  always @(posedge clk)
    if (rst) begin
      left <= 4'd0;
      done <= 1'b0;
      quo <= 8'd0;
      rem <= 8'd0;
      div <= 8'd0;
    end else begin
      done <= 1'b0;
      if (start && left == 4'd0) begin
        left <= 4'd8;
        quo <= a;
        rem <= 8'd0;
        div <= b;
      end else if (left != 4'd0) begin
        left <= left - 4'd1;
        done <= left == 4'd1;
        rem <= less[8] ? shifted[7:0] : less[7:0];
        quo <= {quo[6:0], ~less[8]};
      end
    end
endmodule
