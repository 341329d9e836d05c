module lfsr (input clk, input rst, input en, output reg [4:0] q);
    always @(posedge clk)
        if (rst) q <= 5'b00001;
        else if (en) q <= {q[3:0], q[4] ^ q[2]};
endmodule
