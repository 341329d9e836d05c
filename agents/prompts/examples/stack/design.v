module stack (
    input clk,
    input rst,
    input push,
    input pop,
    input [7:0] din,
    output [7:0] top,
    output [2:0] depth,
    output full,
    output empty
);
    // state: words and depth_q; depth_q is 0 after reset
    // at each clock edge: push alone: store and count up; pop alone: count down
    // outputs: from depth_q and the word below it
    reg [7:0] words [0:3];
    reg [2:0] depth_q;
    wire [2:0] below = depth_q - 3'd1;

    assign full = depth_q == 3'd4;
    assign empty = depth_q == 3'd0;
    assign depth = depth_q;
    assign top = empty ? 8'd0 : words[below[1:0]];

    always @(posedge clk) begin
        if (rst)
            depth_q <= 3'd0;
        else if (push && !pop && !full) begin
            words[depth_q[1:0]] <= din;
            depth_q <= depth_q + 3'd1;
        end else if (pop && !push && !empty)
            depth_q <= depth_q - 3'd1;
    end
endmodule
