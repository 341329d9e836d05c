// A queue of four bytes; reads and writes beyond its ends are ignored.
module fifo(input clk, input rst_n, input push, input pop, input [7:0] din, output [7:0] dout, output full, output empty, output [2:0] level);
  reg [7:0] mem [0:3];
  reg [1:0] head, tail;
  reg [2:0] count;
  assign full = count == 3'd4;
  assign empty = count == 3'd0;
  assign level = count;
  assign dout = empty ? 8'd0 : mem[head];
  wire wr = push & ~full;
  wire rd = pop & ~empty;
  always @(posedge clk or negedge rst_n)
    if (!rst_n) begin
      head <= 2'd0;
      tail <= 2'd0;
      count <= 3'd0;
    end else begin
      if (wr) tail <= tail + 2'd1;
      if (rd) head <= head + 2'd1;
      case ({wr, rd})
        2'b10: count <= count + 3'd1;
        2'b01: count <= count - 3'd1;
        default: count <= count;
      endcase
    end
  always @(posedge clk) if (wr) mem[tail] <= din;
endmodule
