# state: lamps, one-hot, 1 after reset
# at each clock edge: if step: rotate right when back, else rotate left
# outputs: lamps; home = bit 0 of lamps
class Model:
    def reset(self):
        self.lamps = 1

    def outputs(self, i):
        return {"lamps": self.lamps, "home": self.lamps & 1}

    def tick(self, i):
        if i.step:
            if i.back:
                self.lamps = (self.lamps >> 1) | ((self.lamps & 1) << 5)
            else:
                self.lamps = ((self.lamps << 1) & 0x3F) | (self.lamps >> 5)
