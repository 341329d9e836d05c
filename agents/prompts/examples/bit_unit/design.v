module bit_unit (
    input [3:0] d,
    input [1:0] mode,
    output [3:0] y,
    output odd
);
    // outputs: y by case of mode; odd = XOR of all bits of y
    reg [3:0] y_c;

    always_comb begin
        case (mode)
            2'd0: y_c = d;
            2'd1: y_c = {d[2:0], d[3]};
            2'd2: y_c = ~d;
            default: y_c = -d;
        endcase
    end

    assign y = y_c;
    assign odd = ^y_c;
endmodule
