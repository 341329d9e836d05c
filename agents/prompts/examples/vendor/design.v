module vendor (
    input clk,
    input rst,
    input coin,
    input cancel,
    output serve,
    output refund,
    output [1:0] state
);
    // state: state_q, IDLE after reset
    // at each clock edge: the next state by case of state_q
    // outputs: decoded from state_q
    localparam IDLE = 2'd0, PAID = 2'd1, SERVE = 2'd2, REFUND = 2'd3;
    reg [1:0] state_q;

    always @(posedge clk) begin
        if (rst)
            state_q <= IDLE;
        else
            case (state_q)
                IDLE: if (coin) state_q <= PAID;
                PAID:
                    if (cancel) state_q <= REFUND;
                    else if (coin) state_q <= SERVE;
                default: state_q <= IDLE;
            endcase
    end

    assign serve = state_q == SERVE;
    assign refund = state_q == REFUND;
    assign state = state_q;
endmodule
