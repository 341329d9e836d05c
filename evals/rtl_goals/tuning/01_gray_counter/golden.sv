module gray_counter (input clk, input rst_n, input en, output [3:0] gray);
    reg [3:0] n;
    always @(posedge clk or negedge rst_n)
        if (!rst_n) n <= 4'd0;
        else if (en) n <= n + 4'd1;
    assign gray = n ^ (n >> 1);
endmodule
