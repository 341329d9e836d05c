module ring (
    input clk,
    input arst,
    input step,
    input back,
    output [5:0] lamps,
    output home
);
    // state: lamps_q, one-hot, 1 after reset
    // at each clock edge: if step: rotate right when back, else rotate left
    // outputs: lamps = lamps_q; home = lamps_q[0]
    reg [5:0] lamps_q;

    always @(posedge clk or posedge arst) begin
        if (arst)
            lamps_q <= 6'b000001;
        else if (step) begin
            if (back)
                lamps_q <= {lamps_q[0], lamps_q[5:1]};
            else
                lamps_q <= {lamps_q[4:0], lamps_q[5]};
        end
    end

    assign lamps = lamps_q;
    assign home = lamps_q[0];
endmodule
