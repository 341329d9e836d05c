module clock_divider (
    input clk,
    input rst,
    output reg clk_out
);
    reg [1:0] n;
    always @(posedge clk or posedge rst)
        if (rst) begin n <= 2'd0; clk_out <= 1'b0; end
        else if (n == 2'd2) begin n <= 2'd0; clk_out <= ~clk_out; end
        else n <= n + 2'd1;
endmodule
