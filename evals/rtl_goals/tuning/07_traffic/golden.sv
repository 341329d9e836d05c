module traffic (input clk, input rst, input car, output reg [1:0] main, output reg [1:0] side);
    reg [1:0] s;
    always @(posedge clk)
        if (rst) s <= 0;
        else case (s)
            0: if (car) s <= 1;
            1: s <= 2;
            2: if (!car) s <= 3;
            default: s <= 0;
        endcase
    always @* case (s)
        0: begin main = 2; side = 0; end
        1: begin main = 1; side = 0; end
        2: begin main = 0; side = 2; end
        default: begin main = 0; side = 1; end
    endcase
endmodule
