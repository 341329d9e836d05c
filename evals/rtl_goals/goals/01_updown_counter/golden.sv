module updown_counter (
    input clk,
    input rst,
    input en,
    input up,
    output reg [7:0] count
);
    always @(posedge clk)
        if (rst) count <= 8'd0;
        else if (en) count <= up ? count + 8'd1 : count - 8'd1;
endmodule
