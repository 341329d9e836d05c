module minterms (
    input p,
    input q,
    input r,
    output reg f,
    output reg g
);
    // outputs: f and g by case of {p, q, r}
    always_comb begin
        case ({p, q, r})
            3'd0, 3'd3, 3'd6: f = 1'b1;
            default: f = 1'b0;
        endcase
        case ({p, q, r})
            3'd1, 3'd4: g = 1'b0;
            default: g = 1'b1;
        endcase
    end
endmodule
