module sat_add (input [7:0] a, input [7:0] b, output [7:0] y, output sat);
    wire [8:0] s = {a[7], a} + {b[7], b};
    assign sat = s[8] ^ s[7];
    assign y = sat ? (s[8] ? 8'h80 : 8'h7f) : s[7:0];
endmodule
