module crc8 (
    input clk,
    input rst,
    input en,
    input din,
    output reg [7:0] crc
);
    always @(posedge clk or posedge rst)
        if (rst) crc <= 8'd0;
        else if (en) crc <= {crc[6:0], 1'b0} ^ ((crc[7] ^ din) ? 8'h07 : 8'h00);
endmodule
