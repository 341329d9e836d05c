module debouncer (
    input clk,
    input rst,
    input button,
    output reg clean
);
    reg [1:0] n;
    always @(posedge clk)
        if (rst) begin clean <= 1'b0; n <= 2'd0; end
        else if (button == clean) n <= 2'd0;
        else if (n == 2'd3) begin clean <= button; n <= 2'd0; end
        else n <= n + 2'd1;
endmodule
