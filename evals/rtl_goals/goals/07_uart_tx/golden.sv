module uart_tx (
    input clk,
    input rst,
    input start,
    input [7:0] data,
    output tx,
    output reg busy
);
    reg [9:0] frame;
    reg [5:0] n;
    assign tx = busy ? frame[0] : 1'b1;
    always @(posedge clk)
        if (rst) begin busy <= 1'b0; n <= 6'd0; frame <= 10'h3ff; end
        else if (!busy) begin
            if (start) begin busy <= 1'b1; frame <= {1'b1, data, 1'b0}; n <= 6'd0; end
        end else begin
            if (n[1:0] == 2'd3) frame <= {1'b1, frame[9:1]};
            if (n == 6'd39) begin busy <= 1'b0; n <= 6'd0; end
            else n <= n + 6'd1;
        end
endmodule
