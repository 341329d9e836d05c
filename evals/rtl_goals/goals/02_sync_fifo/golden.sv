module sync_fifo (
    input clk,
    input rst,
    input wr_en,
    input [7:0] din,
    input rd_en,
    output [7:0] dout,
    output full,
    output empty
);
    reg [7:0] mem [0:7];
    reg [2:0] wp, rp;
    reg [3:0] n;
    assign full = n == 4'd8;
    assign empty = n == 4'd0;
    assign dout = empty ? 8'd0 : mem[rp];
    wire w = wr_en & ~full;
    wire r = rd_en & ~empty;
    always @(posedge clk)
        if (rst) begin
            wp <= 0; rp <= 0; n <= 0;
        end else begin
            if (w) begin mem[wp] <= din; wp <= wp + 3'd1; end
            if (r) rp <= rp + 3'd1;
            n <= n + {3'b0, w} - {3'b0, r};
        end
endmodule
