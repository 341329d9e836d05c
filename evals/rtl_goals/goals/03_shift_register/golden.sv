module shift_register (
    input clk,
    input rst_n,
    input load,
    input [7:0] data,
    input shift,
    input sin,
    output reg [7:0] q
);
    always @(posedge clk or negedge rst_n)
        if (!rst_n) q <= 8'd0;
        else if (load) q <= data;
        else if (shift) q <= {q[6:0], sin};
endmodule
