module lock (
    input clk,
    input rst,
    input key_ok,
    input close,
    output open,
    output alarm
);
    // state: state, CLOSED after reset
    // at each clock edge: from CLOSED to OPEN if key_ok; from OPEN to CLOSED if close
    // outputs: open = (state is OPEN); alarm = (state is CLOSED and close)
    localparam CLOSED = 1'b0, OPEN = 1'b1;
    reg state;

    always @(posedge clk) begin
        if (rst)
            state <= CLOSED;
        else begin
            case (state)
                CLOSED: if (key_ok) state <= OPEN;
                OPEN: if (close) state <= CLOSED;
            endcase
        end
    end

    assign open = (state == OPEN);
    assign alarm = (state == CLOSED) && close;
endmodule
