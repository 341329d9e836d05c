module pwm (
    input clk,
    input rst,
    input [7:0] duty,
    output pwm_out
);
    reg [7:0] n;
    always @(posedge clk)
        if (rst) n <= 8'd0;
        else n <= n + 8'd1;
    assign pwm_out = n < duty;
endmodule
