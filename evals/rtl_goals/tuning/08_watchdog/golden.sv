module watchdog (input clk, input rst, input kick, output timeout);
    reg [3:0] n;
    always @(posedge clk or posedge rst)
        if (rst) n <= 0;
        else if (kick) n <= 0;
        else if (n != 10) n <= n + 1;
    assign timeout = n == 10;
endmodule
